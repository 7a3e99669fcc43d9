// Stage count: how many pixels of the chunk have each exact colour.
//
// A colour has an index: the slot of a hash table (color_table.glsl), plus one. Pixels of the same
// colour that an invocation meets one after the other cost one look-up and one addition.
//
// The stage has three variants, chosen by a macro:
// INDICES  each pixel's colour index is written down, two a word, so that the stage label need not look at
//          colours again. 0 is no colour.
// WANTED   only colours in some buckets are counted, see src/backend/vulkan/stages/count_many.rs.
// BUCKETS  the indices are those of buckets: a hash, which many colours share. No table.

#version 450
#extension GL_GOOGLE_include_directive : require

#include "color.glsl"
#include "color_map.glsl"

layout(local_size_x_id = 1) in;

#include "work_distribution.glsl" // an item is a pair of pixels

// Slots of the table in which a workgroup adds up before it adds to the counts that all share: a power
// of two; 1: there is none.
layout(constant_id = 4) const uint WORKGROUP_SLOTS = 1;

layout(push_constant) uniform Dispatch {
    uint first_word;  // the chunk's first word in the buffer
    uint first_pixel; // of this dispatch; even
    uint end_pixel;
    uint slot_mask; // slots - 1; their number is a power of two
    uint max_probes;
    uint seed;
    uint bucket_shift; // 32 - the number of bits that tell a bucket
    uint bucket_seed;
} dispatch;

layout(set = 0, binding = 2) buffer Counts {
    uint counts[]; // by colour index - 1, COPIES times; without the pixel that claimed the slot. Behind those of all buckets:
                   // pixels without a colour
};

// A processor of a software rasteriser takes neighbouring workgroups, and others have to wait for the memory that it
// writes to: most have a copy of the counts of their own. 1: all share one.
layout(constant_id = 6) const uint COPIES = 1;

#ifdef INDICES
layout(set = 0, binding = 4) writeonly buffer ColorIndices {
    uint words[]; // two a word, the first in the lower bits
} color_indices;
#endif

#ifdef WANTED
layout(set = 0, binding = 4) readonly buffer WantedBuckets {
    uint words[]; // a bit for each bucket
} wanted;
#endif

#ifndef BUCKETS
#include "report.glsl"
#include "color_table.glsl"
#endif

// The index of a colour that a pixel has; 0 where it has none, or is not to be counted. `claimed`: the
// pixel stands in the table, and needs no count.
uint index_of(uvec4 color, uint pixel, out bool claimed) {
    claimed = false;
#if defined(WANTED) || defined(BUCKETS)
    uint bucket = hash_color(color, dispatch.bucket_seed) >> dispatch.bucket_shift;
#endif
#ifdef BUCKETS
    return bucket + 1u;
#else
#ifdef WANTED
    if ((wanted.words[bucket >> 5] >> (bucket & 31u) & 1u) == 0u) {
        return 0u;
    }
#endif
    return find_index(color, pixel, claimed);
#endif
}

shared uint workgroup_indices[WORKGROUP_SLOTS];
shared uint workgroup_counts[WORKGROUP_SLOTS];

void add_to_counts(uint index, uint pixels) {
    uint copy = COPIES == 1u ? 0u : gl_WorkGroupID.x * COPIES / gl_NumWorkGroups.x;
    atomicAdd(counts[copy * (dispatch.slot_mask + 1u) + index - 1u], pixels);
}

// Pixels without a colour index that this invocation has met.
uint unindexed = 0u;

void add(uint index, uint pixels) {
    if (index == 0u || pixels == 0u) {
        unindexed += pixels;
        return;
    }
    if (WORKGROUP_SLOTS > 1u) {
        uint slot = index & (WORKGROUP_SLOTS - 1u);
        uint owner = atomicCompSwap(workgroup_indices[slot], 0u, index);
        if (owner == 0u || owner == index) {
            atomicAdd(workgroup_counts[slot], pixels);
            return;
        }
    }
    add_to_counts(index, pixels);
}

void count_pixels() {
    uint pair = (dispatch.first_pixel >> 1) + first_item();
    uint pairs_end = min((dispatch.end_pixel + 1u) >> 1, pair + items_span());
    if (pair >= pairs_end) {
        return;
    }

    // The present run: pixels of the same words, though not all neighbours. None yet: other words than the first pixel's.
    uvec4 run_words = ~load_pixel(dispatch.first_word, 2u * pair);
    uint run_index = 0u;
    uint run_pixels = 0u;
    while (pair < pairs_end) {
        // As long as the run goes on. A loop of its own: some devices execute all of a loop's body even
        // if no invocation has any use for it.
        uvec4 words[2];
        bool same = true;
        while (same && pair < pairs_end) {
            words[0] = load_pixel(dispatch.first_word, 2u * pair);
            uint second = min(2u * pair + 1u, dispatch.end_pixel - 1u);
            words[1] = load_pixel(dispatch.first_word, second);
            same = words[0] == run_words && words[1] == run_words && second != 2u * pair;
            if (same) {
                run_pixels += 2u;
#ifdef INDICES
                color_indices.words[pair] = run_index * 0x10001u;
#endif
                pair += item_step();
            }
        }
        if (!same) {
            uint word = 0u;
            for (uint i = 0u; i < 2u; ++i) {
                bool counts = 2u * pair + i < dispatch.end_pixel;
                if (counts && words[i] != run_words) {
                    add(run_index, run_pixels);
                    run_words = words[i];
                    uvec4 color;
                    bool claimed = false;
                    run_index = 0u;
                    if (color_of(run_words, color)) {
                        run_index = index_of(color, 2u * pair + i, claimed);
                    }
                    run_pixels = claimed ? 0u : 1u;
                } else if (counts) {
                    ++run_pixels;
                }
                if (counts) {
                    word |= run_index << (16u * i);
                }
            }
#ifdef INDICES
            color_indices.words[pair] = word;
#endif
            pair += item_step();
#ifndef BUCKETS
            if (report.lost != 0u) {
                break; // the host will start again
            }
#endif
        }
    }
    add(run_index, run_pixels);

    // Together with the counts they are all pixels, by which the host knows that the device has worked.
    if (unindexed != 0u) {
#if defined(INDICES)
        atomicAdd(report.colorless, unindexed);
#elif defined(BUCKETS)
        atomicAdd(counts[1u << (32u - dispatch.bucket_shift)], unindexed);
#endif
    }
}

void main() {
    if (WORKGROUP_SLOTS > 1u) {
        for (uint slot = gl_LocalInvocationIndex; slot < WORKGROUP_SLOTS; slot += gl_WorkGroupSize.x) {
            workgroup_indices[slot] = 0u;
            workgroup_counts[slot] = 0u;
        }
        barrier();
    }
    count_pixels();
    if (WORKGROUP_SLOTS > 1u) {
        barrier();
        for (uint slot = gl_LocalInvocationIndex; slot < WORKGROUP_SLOTS; slot += gl_WorkGroupSize.x) {
            if (workgroup_indices[slot] != 0u) {
                add_to_counts(workgroup_indices[slot], workgroup_counts[slot]);
            }
        }
    }
}
