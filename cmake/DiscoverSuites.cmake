# Read by ctest: makes one test of every suite of a GoogleTest program, as gtest_discover_tests makes one of every case.
# A program that loads LibTorch takes 0.3 s to start, which a thousand quick cases need not pay each.
#
# Cases whose names end in "cuda" are left to the label gpu.
#
# In: program, labels, timeout, properties (further ones, name and value by turns).

if(NOT EXISTS ${program})
  add_test(${program}_NOT_BUILT ${program})
  return()
endif()
execute_process(COMMAND ${program} --gtest_list_tests OUTPUT_VARIABLE listed ERROR_VARIABLE complaint
  RESULT_VARIABLE failed TIMEOUT 120)
if(failed)
  message(FATAL_ERROR "the tests of ${program} could not be listed: ${complaint}")
endif()
# Suites are the lines that begin at the left and end in a dot, with a comment behind it where a type is meant.
string(REGEX MATCHALL "(^|\n)[^ \n][^ \n]*[.]( *#[^\n]*)?" suites "${listed}")
get_filename_component(target ${program} NAME)
foreach(suite IN LISTS suites)
  string(REGEX REPLACE "^\n|[.]( *#.*)?$" "" suite "${suite}")
  set(name "${target}/${suite}")
  add_test("${name}" ${program} "--gtest_filter=${suite}.*-*cuda")
  set_tests_properties("${name}" PROPERTIES LABELS "${labels}" TIMEOUT ${timeout} ${properties})
endforeach()
