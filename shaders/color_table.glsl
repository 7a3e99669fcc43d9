// A hash table of colours with open addressing. A slot holds the index, plus one, of some pixel that
// has the slot's colour: it is claimed with one 32-bit compare-and-swap, and the full colour is read
// back from the colour map, which does not change.

layout(set = 0, binding = 1) coherent buffer SlotPixels {
    uint slot_pixel[];
};

// The colour's index, which is its slot plus one; the slot is claimed for it if it is new. 0 when none was found.
uint find_index(uvec4 color, uint pixel, out bool claimed) {
    claimed = false;
    uint hash = hash_color(color, dispatch.seed);
    uint slot = hash & dispatch.slot_mask;
    uint step = probe_step(hash);
    for (uint probe = 0u; probe < dispatch.max_probes; ++probe) {
        // A plain read: an old value is 0, and then the compare-and-swap tells the present one.
        uint owner = slot_pixel[slot];
        if (owner == 0u) {
            owner = atomicCompSwap(slot_pixel[slot], 0u, pixel + 1u);
            if (owner == 0u) {
                claimed = true;
                return slot + 1u;
            }
        }
        uvec4 owner_color;
        load_color(dispatch.first_word, owner - 1u, owner_color);
        if (owner_color == color) {
            return slot + 1u;
        }
        slot = (slot + step) & dispatch.slot_mask;
    }
    atomicAdd(report.lost, 1u);
    return 0u;
}
