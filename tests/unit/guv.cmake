unit_test(guv_normal LIBRARIES guv_config m)
