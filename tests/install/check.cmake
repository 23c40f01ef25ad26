# Installs BUILD below WORK, builds the project in SOURCE against it, and runs that.
file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})
file(GLOB license ${prefix}/share/doc/*/LICENSE)
if(NOT license)
  message(FATAL_ERROR "the license is not installed")
endif()
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G Ninja
  -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${COMPILER})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer ${WORK}/data)

find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  file(GLOB_RECURSE pc ${prefix}/*/daybook.pc)
  get_filename_component(directory ${pc} DIRECTORY)
  set(ENV{PKG_CONFIG_PATH} ${directory})
  execute_process(COMMAND ${PKG_CONFIG} --print-errors --static --cflags --libs "daybook >= 0.1"
    OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${COMPILER} -std=c++20 ${SOURCE}/main.cc -o ${WORK}/pkg-config-consumer ${flags})
  run(${WORK}/pkg-config-consumer ${WORK}/pkg-config-data)
endif()
