// The policy in the words of an engine that takes over when a box has become too small: accounts of
// Slurm as a file for `sacctmgr load`, queues of Kueue as YAML for Kubernetes. Pure: the same
// policy gives the same bytes. What the other side has no word for is said in comments of the file.
// Depends on allocation/policy.h. Any thread.
#pragma once

#include "allocation/policy.h"
#include "base/buf.h"

struct policy_export {
    struct str cluster; // Slurm's ClusterName: "courtyard"
    struct str user;    // who submits there (Slurm): "courtyard"
    struct str space;   // namespace of the local queues (Kueue): "courtyard"
};
// An account per tenant, t1, t2, …: its weight as Fairshare, its limit as GrpTRES, its most jobs at
// once as GrpSubmitJobs, what has none as -1, so that a file loaded again takes back what an
// earlier one has set. Devices are named only where the policy gives some: a site that does not
// account for them refuses the file. Slurm guarantees nothing by accounts: quotas stand as
// comments.
void policy_export_slurm(const struct policy *policy, const struct policy_export *how,
                         struct buf *out);
// A Cohort per tenant that has others below it, a ClusterQueue and a LocalQueue per tenant: quotas
// as nominalQuota, limits as borrowingLimit, who does not lend with lendingLimit 0, weights as
// fairSharing. API kueue.x-k8s.io/v1beta2, which Kueue serves since 0.15. Held against the schemas
// it publishes; never applied to a Kubernetes.
void policy_export_kueue(const struct policy *policy, const struct policy_export *how,
                         struct buf *out);
