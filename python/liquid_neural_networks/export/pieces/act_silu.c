static float activation(float y) { return y * sigmoid(y); }
