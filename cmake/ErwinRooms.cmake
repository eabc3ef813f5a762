# One static library per room. A room lists what it may use; tests/house checks the includes against the same picture.
# The sources of a room are the .cpp files of its folder (not of folders below it).

if(ERWINSCOPE_SANITIZE)
  add_compile_options(-fsanitize=${ERWINSCOPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ERWINSCOPE_SANITIZE})
endif()

# GCC 12 reports -Wrestrict inside its own std::string (its bug 105329).
set(ERWIN_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wno-restrict)
if(ERWINSCOPE_WERROR)
  list(APPEND ERWIN_WARNINGS -Werror)
endif()

function(erwin_our_code target)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${ERWIN_WARNINGS}>)
  target_compile_definitions(${target} PRIVATE QT_NO_KEYWORDS)
endfunction()

# erwin_add_room(<target> [PUBLIC libs...] [PRIVATE libs...])
function(erwin_add_room target)
  cmake_parse_arguments(room "" "" "PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
    target_link_libraries(${target} INTERFACE ${room_PUBLIC} ${room_PRIVATE})
    return()
  endif()
  add_library(${target} STATIC ${sources})
  erwin_our_code(${target})
  target_link_libraries(${target} PUBLIC ${room_PUBLIC} PRIVATE ${room_PRIVATE})
endfunction()

# erwin_add_tests(<target> LABELS <fast|slow|gpu> LIBS libs... [SOURCES files...] [TIMEOUT seconds] [WINDOW]
#                 [CUDA_CASES])
# One GoogleTest program of the .cpp files of this folder; every case becomes a ctest of its own with the label, of a fast
# program every suite. CUDA_CASES: those whose names end in "cuda" get the label gpu instead; they skip where there is no
# device. WINDOW: it opens windows. They share one display, so only one such test runs at a time, or they take each
# other's focus. ALONE: nothing else runs beside it (it fills a device's memory).
function(erwin_add_tests target)
  cmake_parse_arguments(tests "WINDOW;CUDA_CASES;ALONE" "TIMEOUT" "LABELS;LIBS;SOURCES" ${ARGN})
  if(NOT tests_SOURCES)
    file(GLOB tests_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  endif()
  if(NOT tests_SOURCES)
    return()
  endif()
  if(NOT tests_TIMEOUT)
    set(tests_TIMEOUT 300)
  endif()
  set(alone "")
  if(tests_WINDOW)
    set(alone RESOURCE_LOCK display)
  elseif(tests_ALONE)
    set(alone RUN_SERIAL TRUE)
  endif()
  add_executable(${target} ${tests_SOURCES})
  erwin_our_code(${target})
  target_link_libraries(${target} PRIVATE ${tests_LIBS} erwin_test_support)
  if(tests_CUDA_CASES)
    gtest_discover_tests(${target} TEST_FILTER "*cuda" DISCOVERY_TIMEOUT 120 DISCOVERY_MODE PRE_TEST
      PROPERTIES LABELS gpu TIMEOUT ${tests_TIMEOUT})
  endif()
  if("fast" IN_LIST tests_LABELS)
    erwin_discover_suites(${target} "${tests_LABELS}" ${tests_TIMEOUT} ${alone})
    return()
  endif()
  gtest_discover_tests(${target} DISCOVERY_TIMEOUT 120 DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS "${tests_LABELS}" TIMEOUT ${tests_TIMEOUT} ${alone})
endfunction()

# The suites of a fast program; ARGN: further properties of the tests.
function(erwin_discover_suites target labels timeout)
  set(found ${CMAKE_CURRENT_BINARY_DIR}/${target}_suites.cmake)
  file(GENERATE OUTPUT ${found} CONTENT "set(program [==[$<TARGET_FILE:${target}>]==])
set(labels ${labels})
set(timeout ${timeout})
set(properties ${ARGN})
include([==[${CMAKE_SOURCE_DIR}/cmake/DiscoverSuites.cmake]==])
")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${found})
endfunction()
