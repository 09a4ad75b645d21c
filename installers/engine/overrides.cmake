# Included right after project(llama_cpp). A normal variable shadows the cache entry the project forces.
set(LLAMA_BUILD_COMMON OFF)
# Wheels hold no symbolic links: without this every library is in the wheel three times, and two
# copies of ggml can be mapped at once, each with its own list of devices.
set(CMAKE_PLATFORM_NO_VERSIONED_SONAME ON)

include(${CMAKE_CURRENT_LIST_DIR}/compiler-faults.cmake)
