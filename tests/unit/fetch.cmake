# The image server is a program of its own, so that it can misbehave in another process.
add_executable(image-server ${PROJECT_SOURCE_DIR}/tests/support/image_server_main.c)
target_link_libraries(image-server PRIVATE base Threads::Threads)
set_target_properties(image-server PROPERTIES
                      RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/support)

set(downloads ${PROJECT_SOURCE_DIR}/tests/support/downloads.c
              ${PROJECT_SOURCE_DIR}/tests/support/image_server.c)
unit_test(guard LIBRARIES fetch)
unit_test(fetch_parts LIBRARIES fetch)
unit_test(fetch SOURCES ${downloads} LIBRARIES fetch)
unit_test(fetch_loop SOURCES ${downloads} LIBRARIES fetch)
add_dependencies(test_fetch image-server)
add_dependencies(test_fetch_loop image-server)
