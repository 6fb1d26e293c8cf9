unit_test(guv_normal LIBRARIES guv_config m)
unit_test(guv_tree LIBRARIES guv_config m)
