# Which shared libraries PROGRAM and its libraries need.
execute_process(COMMAND ldd ${PROGRAM} OUTPUT_VARIABLE libraries COMMAND_ERROR_IS_FATAL ANY)
if(NOT libraries MATCHES "libstdc\\+\\+")
  message(FATAL_ERROR "ldd does not say what ${PROGRAM} needs:\n${libraries}")
endif()
if(libraries MATCHES "lib(torch|c10|openblas|blas|gomp)[^\n]*" OR libraries MATCHES "not found")
  message(FATAL_ERROR "${PROGRAM} needs ${CMAKE_MATCH_0}:\n${libraries}")
endif()
