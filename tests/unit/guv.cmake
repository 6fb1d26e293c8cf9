# test_guv_validate drives the real program, and so is told where it is.
unit_test(guv_normal LIBRARIES guv_config m)
unit_test(guv_tree LIBRARIES guv_config m)
unit_test(guv_settings LIBRARIES guv_tool PkgConfig::JANSSON m)
target_link_options(test_guv_settings PRIVATE -Wl,--wrap=calloc) # one that fails when the test says
unit_test(guv_line_protocol LIBRARIES guv_tool PkgConfig::JANSSON m)
target_compile_definitions(test_guv_line_protocol PRIVATE GUV="$<TARGET_FILE:guv>")
add_dependencies(test_guv_line_protocol guv)
unit_test(guv_policy LIBRARIES guv_simulate m)
unit_test(guv_validate LIBRARIES guv_tool PkgConfig::JANSSON)
target_compile_definitions(test_guv_validate PRIVATE GUV="$<TARGET_FILE:guv>")
add_dependencies(test_guv_validate guv)
