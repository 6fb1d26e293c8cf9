unit_test(db LIBRARIES db)
unit_test(message LIBRARIES job)
unit_test(store_event LIBRARIES store_core)
unit_test(store_image_state LIBRARIES store_core)
