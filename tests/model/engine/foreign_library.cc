extern "C" int foreign_function() { return 0; }
