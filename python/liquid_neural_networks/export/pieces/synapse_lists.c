/* A synapse: its numbers are those of the dynamics, below. */
typedef struct synapse synapse;

/* Those onto neuron i are number start[i] to start[i + 1] - 1, each with its sender. */
typedef struct {
    const FLASH synapse_number *start;
    const FLASH sender_number *from;
    const FLASH synapse *each;
} synapse_lists;
