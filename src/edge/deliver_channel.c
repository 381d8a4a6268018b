/* deliver_channel.c: what stands in for connectors that cannot yet tell their platform anything: nothing is sent. */
#include "edge.h"

#define WEAK __attribute__((weak))

WEAK bool channel_effect_start(struct api *api, struct deliver_call *call)
{
  (void)api, (void)call;
  return false;
}

WEAK void channel_effect_stop(struct api *api, struct deliver_call *call)
{
  (void)api, (void)call;
}

WEAK int channel_effects_at_once(struct api *api, const char *channel)
{
  (void)api, (void)channel;
  return 1;
}
