# The decoder: its pure parts, its cage, and whole images through the real program.
unit_test(decode_header LIBRARIES decode_core)
unit_test(decode_plan LIBRARIES decode_core m)
unit_test(decode_estimate LIBRARIES decode_core)

add_executable(imageresize-decode-prober ${PROJECT_SOURCE_DIR}/tests/support/decode_prober.c)
target_include_directories(imageresize-decode-prober PRIVATE ${PROJECT_SOURCE_DIR}/workers)
target_link_libraries(imageresize-decode-prober PRIVATE decode_core Threads::Threads)

set(decoder_client ${PROJECT_SOURCE_DIR}/tests/support/decoder_client.c)
unit_test(decode_cage SOURCES ${decoder_client} LIBRARIES decode_core)
unit_test(decode_images SOURCES ${decoder_client} LIBRARIES decode_core)
foreach(test decode_cage decode_images)
  target_compile_definitions(test_${test} PRIVATE
    DECODER="$<TARGET_FILE:imageresize-decode>" MAKE_IMAGES="$<TARGET_FILE:make_images>"
    PROBER="$<TARGET_FILE:imageresize-decode-prober>")
  add_dependencies(test_${test} imageresize-decode make_images imageresize-decode-prober)
endforeach()
set_tests_properties(unit_decode_images PROPERTIES TIMEOUT 300)
