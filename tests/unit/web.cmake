unit_test(problems LIBRARIES job)
unit_test(image LIBRARIES job)
