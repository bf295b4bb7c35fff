static float activation(float y) { return 1.7159f * hyperbolic_tangent(0.666f * y); }
