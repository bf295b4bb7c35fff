static float activation(float y) { return hyperbolic_tangent(y); }
