unit_test(output_target LIBRARIES job)
