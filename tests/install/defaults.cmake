# Configures ROOT below WORK with nothing said of how: alone, and as a part of another project. What
# would be built by default is looked at, and not built.
file(REMOVE_RECURSE ${WORK})

function(configure source build)
  execute_process(
    COMMAND ${CMAKE_COMMAND} -S ${source} -B ${build} -G Ninja
      -D CMAKE_CXX_COMPILER=${COMPILER} ${ARGN}
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(expect_build_type build expected)
  file(STRINGS ${build}/CMakeCache.txt line REGEX "^CMAKE_BUILD_TYPE:")
  if(NOT line MATCHES "=${expected}$")
    message(FATAL_ERROR "${build}: not =${expected}, but ${line}")
  endif()
endfunction()

# What it builds beside the library and the command line needs packages that may not be there.
set(only_library -D DAYBOOK_BUILD_TESTS=OFF -D DAYBOOK_BUILD_BENCH=OFF -D DAYBOOK_BUILD_EXAMPLES=OFF)
set(ENV{CMAKE_BUILD_TYPE})
configure(${ROOT} ${WORK}/plain ${only_library})
expect_build_type(${WORK}/plain Release)
configure(${ROOT} ${WORK}/debug ${only_library} -D CMAKE_BUILD_TYPE=Debug)
expect_build_type(${WORK}/debug Debug)

# The command line uses what the shared library does not show.
configure(${ROOT} ${WORK}/shared ${only_library} -D BUILD_SHARED_LIBS=ON)
execute_process(COMMAND ninja -C ${WORK}/shared -t commands daybook-cli
  OUTPUT_VARIABLE commands COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "[^\n]*main\\.cc\\.o -o [^\n]*" link "${commands}")
if(NOT link MATCHES "libdaybook-internal\\.a" OR link MATCHES "libdaybook\\.so")
  message(FATAL_ERROR "the command line is not linked against the whole library: ${link}")
endif()

configure(${ROOT}/tests/install/embedded ${WORK}/embedded -D DAYBOOK=${ROOT})
expect_build_type(${WORK}/embedded "")
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/embedded --target help
  OUTPUT_VARIABLE targets COMMAND_ERROR_IS_FATAL ANY)
if(NOT targets MATCHES "libdaybook")
  message(FATAL_ERROR "the library is not built: ${targets}")
endif()
foreach(target daybook-cli daybook_tests daybook-torture daybook-bench live_events quickstart)
  if(targets MATCHES "(^|\n)${target}:")
    message(FATAL_ERROR "${target} is built within another project")
  endif()
endforeach()
file(READ ${WORK}/embedded/build.ninja rules)
if(rules MATCHES "-Werror")
  message(FATAL_ERROR "another project's warnings are made errors")
endif()
