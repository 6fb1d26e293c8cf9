# `msgflo run` under the suites of the FBP network protocol; bin/test installs their packages into
# the folder fbp.
add_test(NAME interop_fbp COMMAND node --test --test-reporter=tap fbp.test.js
         WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/fbp)
set_tests_properties(interop_fbp PROPERTIES LABELS interop TIMEOUT 600
                     ENVIRONMENT "IMAGERESIZE_TEST_BUILD=${PROJECT_BINARY_DIR}")
