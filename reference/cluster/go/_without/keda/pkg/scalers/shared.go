// What the scalers share, where its home is a scaler that is not built.
package scalers

import autoscaling "k8s.io/api/autoscaling/v2"

const externalMetricType = autoscaling.ExternalMetricSourceType
