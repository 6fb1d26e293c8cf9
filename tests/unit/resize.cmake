unit_test(output_target LIBRARIES job)
unit_test(resize_result LIBRARIES resize_core)
unit_test(resize_allowance LIBRARIES resize_core)

add_executable(fake_decoder ${PROJECT_SOURCE_DIR}/tests/support/fake_decoder.c)
target_include_directories(fake_decoder PRIVATE ${PROJECT_SOURCE_DIR}/workers)
target_link_libraries(fake_decoder PRIVATE house_rules)
unit_test(resize_pool LIBRARIES resize_core)
target_compile_definitions(test_resize_pool PRIVATE
                           FAKE_DECODER="$<TARGET_FILE:fake_decoder>")
add_dependencies(test_resize_pool fake_decoder)

unit_test(resize_work SOURCES ${PROJECT_SOURCE_DIR}/tests/support/downloads.c
                              ${PROJECT_SOURCE_DIR}/tests/support/image_server.c
                              ${PROJECT_SOURCE_DIR}/tests/support/child.c
          LIBRARIES resize_core)
target_compile_definitions(test_resize_work PRIVATE
                           FAKE_DECODER="$<TARGET_FILE:fake_decoder>")
add_dependencies(test_resize_work fake_decoder image-server)
unit_test(resize_store LIBRARIES resize_core)
