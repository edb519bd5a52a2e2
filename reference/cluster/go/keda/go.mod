// KEDA, which wants libraries of Kubernetes newer than the common module's. Its programs are built by its own go.mod.
module site-search/keda

go 1.26.0

require github.com/kedacore/keda/v2 v2.21.0
