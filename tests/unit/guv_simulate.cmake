unit_test(guv_trace LIBRARIES guv_simulate m)
unit_test(guv_world LIBRARIES guv_simulate m)
