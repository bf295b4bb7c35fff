static float activation(float y) { return y > 0.0f ? y : 0.0f; }
