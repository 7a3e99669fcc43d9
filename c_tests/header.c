/* ctm.h alone, first and twice, as C. */
#include "ctm.h"
#include "ctm.h"

ctm_options make_options(void);

ctm_options make_options(void)
{
    ctm_options options = CTM_OPTIONS_INIT;
    return options;
}
