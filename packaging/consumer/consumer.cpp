// The installed ctm.hpp: the smallest program.
#include <ctm.hpp>

int main()
{
    const float map[] = {1, 0, 0, 1, 0, 0, 0, 1, 0};
    auto context = ctm::context::try_create();
    if (!context) return 1;
    auto masks = context->try_masks(map, 3, 1, 3, 2, 5);
    return masks && masks->count == 1 && (*masks)[0][1] == 1.0f ? 0 : 1;
}
