unit_test(db LIBRARIES db)
unit_test(message LIBRARIES job)
