# Needs Node.js and `npm install` in tests/s3.
add_executable(test_s3_server test_s3_server.c ${PROJECT_SOURCE_DIR}/tests/support/child.c)
target_include_directories(test_s3_server PRIVATE ${PROJECT_SOURCE_DIR}
                           ${PROJECT_SOURCE_DIR}/tests/support ${PROJECT_SOURCE_DIR}/workers)
target_compile_definitions(test_s3_server PRIVATE SOURCE_DIR="${PROJECT_SOURCE_DIR}")
target_link_libraries(test_s3_server PRIVATE resize_core PkgConfig::CMOCKA)
add_test(NAME interop_s3_server COMMAND test_s3_server)
set_tests_properties(interop_s3_server PROPERTIES LABELS interop TIMEOUT 300)
