# Our .fbp parser beside npm's fbp, on texts made from a fixed seed.
add_executable(fbp_reader fbp_reader.c)
target_link_libraries(fbp_reader PRIVATE msgflo_graph base)
add_test(NAME interop_fbp_parser COMMAND node --test --test-reporter=tap fbp_parser.test.js
         WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
set_tests_properties(interop_fbp_parser PROPERTIES LABELS interop TIMEOUT 300
                     ENVIRONMENT "IMAGERESIZE_TEST_BUILD=${PROJECT_BINARY_DIR}")
