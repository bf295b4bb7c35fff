static float activation(float y) { return 0.5f * y * (1.0f + error_function(0.707106781f * y)); }
