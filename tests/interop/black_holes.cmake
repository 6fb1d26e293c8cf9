# The programs where there is no server at all.
add_executable(test_black_holes test_black_holes.c ${PROJECT_SOURCE_DIR}/tests/support/program.c)
target_compile_definitions(test_black_holes PRIVATE
                           WEB="$<TARGET_FILE:imageresize-web>"
                           STORE="$<TARGET_FILE:imageresize-store>"
                           RESIZE="$<TARGET_FILE:imageresize-resize>"
                           DECODE="$<TARGET_FILE:imageresize-decode>"
                           GUV="$<TARGET_FILE:guv>")
target_link_libraries(test_black_holes PRIVATE test_support PkgConfig::CMOCKA)
add_dependencies(test_black_holes imageresize-web imageresize-store imageresize-resize
                 imageresize-decode guv)
add_test(NAME interop_black_holes COMMAND test_black_holes)
set_tests_properties(interop_black_holes PROPERTIES LABELS interop TIMEOUT 600 COST 30)
