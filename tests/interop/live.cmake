# `msgflo run` with participants of several kinds, and while an edge of it is moved.
foreach(name polyglot reroute)
  add_test(NAME interop_${name} COMMAND node --test --test-reporter=tap ${name}.test.js
           WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
  set_tests_properties(interop_${name} PROPERTIES LABELS interop TIMEOUT 600
                       ENVIRONMENT "IMAGERESIZE_TEST_BUILD=${PROJECT_BINARY_DIR}")
endforeach()
set_tests_properties(interop_polyglot PROPERTIES COST 30)
