unit_test(guv_trace LIBRARIES guv_simulate m)
unit_test(guv_world LIBRARIES guv_simulate m)
unit_test(guv_bound LIBRARIES guv_simulate m)
unit_test(guv_peers LIBRARIES guv_simulate m)
