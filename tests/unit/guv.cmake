# test_guv_validate drives the real program, and so is told where it is.
unit_test(guv_normal LIBRARIES guv_config m)
unit_test(guv_tree LIBRARIES guv_config m)
unit_test(guv_settings LIBRARIES guv_tool PkgConfig::JANSSON m)
target_link_options(test_guv_settings PRIVATE -Wl,--wrap=calloc) # one that fails when the test says
unit_test(guv_line_protocol LIBRARIES guv_tool PkgConfig::JANSSON m)
target_compile_definitions(test_guv_line_protocol PRIVATE GUV="$<TARGET_FILE:guv>")
add_dependencies(test_guv_line_protocol guv)
foreach(part policy policy_failures policy_properties)
  unit_test(guv_${part} SOURCES ${PROJECT_SOURCE_DIR}/tests/support/guv_shop.c
            LIBRARIES guv_simulate m)
endforeach()
unit_test(guv_validate LIBRARIES guv_tool PkgConfig::JANSSON)
target_compile_definitions(test_guv_validate PRIVATE GUV="$<TARGET_FILE:guv>")
add_dependencies(test_guv_validate guv)
