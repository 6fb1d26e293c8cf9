# The image server is a program of its own, so that it can misbehave in another process.
add_executable(image-server ${PROJECT_SOURCE_DIR}/tests/support/image_server_main.c)
target_link_libraries(image-server PRIVATE base Threads::Threads)
set_target_properties(image-server PROPERTIES
                      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/support)

set(downloads ${PROJECT_SOURCE_DIR}/tests/support/downloads.c
              ${PROJECT_SOURCE_DIR}/tests/support/image_server.c
              ${PROJECT_SOURCE_DIR}/tests/support/child.c)
unit_test(guard LIBRARIES fetch)
unit_test(fetch_parts LIBRARIES fetch)
unit_test(fetch SOURCES ${downloads} LIBRARIES fetch)
unit_test(fetch_loop SOURCES ${downloads} LIBRARIES fetch)
target_link_options(test_fetch_loop PRIVATE -Wl,--wrap=curl_multi_add_handle)
unit_test(s3 SOURCES ${downloads} LIBRARIES fetch)
foreach(test IN ITEMS test_fetch test_fetch_loop test_s3)
  add_dependencies(${test} image-server)
endforeach()
