"""Running a model: the protocol, llama.cpp in-process, and a scripted fake."""
