# GCC before 12.4, and 13 before 13.3, passes 8 of the 64 bytes of a tile configuration to the processor
# (GCC bug 114098): llama.cpp's AMX kernels then crash on the first prompt. Build without them there.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64"
   AND (CMAKE_C_COMPILER_VERSION VERSION_LESS 12.4
        OR (CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 13 AND CMAKE_C_COMPILER_VERSION VERSION_LESS 13.3)))
  include(CheckCCompilerFlag)
  check_c_compiler_flag(-mno-amx-tile HAS_AMX_FLAGS)
  if(HAS_AMX_FLAGS)
    message(STATUS "workbench: AMX kernels left out, this compiler miscompiles them")
    add_compile_options(-mno-amx-tile -mno-amx-int8 -mno-amx-bf16)
  endif()
endif()
