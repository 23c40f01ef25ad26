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

# The line of the README, with the library that was built, and with one of the other kind. (All
# objects of the library can be in a shared one, so that one is made of a static one at once.)
function(check_pkg_config name)
  execute_process(COMMAND ${PKG_CONFIG} --print-errors ${ARGN} --cflags --libs "daybook >= 0.1"
    OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  run(${COMPILER} -std=c++20 ${SOURCE}/main.cc -o ${WORK}/${name} ${flags})
  run(${WORK}/${name} ${WORK}/${name}-data)
endfunction()

find_program(PKG_CONFIG pkg-config)
if(PKG_CONFIG)
  file(GLOB_RECURSE pc ${prefix}/*/daybook.pc)
  get_filename_component(directory ${pc} DIRECTORY)
  get_filename_component(libraries ${directory} DIRECTORY)
  set(ENV{PKG_CONFIG_PATH} ${directory})
  set(ENV{LD_LIBRARY_PATH} ${libraries})
  check_pkg_config(pkg-config)
  check_pkg_config(pkg-config-static --static)
  if(EXISTS ${libraries}/libdaybook.a)
    execute_process(COMMAND ${PKG_CONFIG} --libs absl_flat_hash_map absl_status absl_statusor absl_strings
      absl_str_format libzstd
      OUTPUT_VARIABLE needed OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    separate_arguments(needed UNIX_COMMAND "${needed}")
    run(${COMPILER} -shared -o ${libraries}/libdaybook.so -Wl,--whole-archive
      ${libraries}/libdaybook.a -Wl,--no-whole-archive ${needed} -lpthread)
    file(REMOVE ${libraries}/libdaybook.a)
    file(READ ${pc} text)
    set(DAYBOOK_PC_TYPE SHARED_LIBRARY)
    include(${SOURCE}/../../src/pkg_config.cmake)
    string(REGEX REPLACE "Requires:[^\n]*" "Requires: ${DAYBOOK_PC_REQUIRES}" text "${text}")
    string(REGEX REPLACE "-ldaybook[^\n]*" "-ldaybook" text "${text}")
    file(WRITE ${pc} "${text}")
    check_pkg_config(pkg-config-shared)
  endif()
endif()
