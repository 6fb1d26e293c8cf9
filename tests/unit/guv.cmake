unit_test(guv_normal LIBRARIES guv_config m)
unit_test(guv_tree LIBRARIES guv_config m)
unit_test(guv_settings LIBRARIES guv_tool PkgConfig::JANSSON m)
target_link_options(test_guv_settings PRIVATE -Wl,--wrap=calloc) # one that fails when the test says
