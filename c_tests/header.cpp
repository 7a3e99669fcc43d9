// ctm.h alone, first and twice, as C++; it must link against the C functions.
#include "ctm.h"
#include "ctm.h"

int main()
{
    ctm_options options = CTM_OPTIONS_INIT;
    options.backend = CTM_BACKEND_CPU;
    ctm_context *context = nullptr;
    const bool made = ctm_create(&options, &context) == CTM_OK;
    ctm_destroy(context);
    return made ? 0 : 1;
}
