static float phi(float y) { return hyperbolic_tangent(y); }
