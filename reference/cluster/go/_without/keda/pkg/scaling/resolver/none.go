// Of secrets kept outside the cluster none can be read: the vaults' clients are not linked.
package resolver

import (
	"context"
	"errors"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	"github.com/kedacore/keda/v2/pkg/scalers/authentication"
)

var errNotLinked = errors.New("this build of KEDA reads no secrets from outside the cluster")

type vault struct{}

func (vault) Initialize(context.Context, client.Client, logr.Logger, string, listers.SecretLister) error {
	return errNotLinked
}

func (vault) Read(context.Context, string, string) (string, error) {
	return "", errNotLinked
}

func NewAzureKeyVaultHandler(*v1alpha1.AzureKeyVault) vault {
	return vault{}
}

func NewGCPSecretManagerHandler(*v1alpha1.GCPSecretManager) vault {
	return vault{}
}

type awsSecrets struct{}

func NewAwsSecretManagerHandler(*v1alpha1.AwsSecretManager) awsSecrets {
	return awsSecrets{}
}

func (awsSecrets) Initialize(
	context.Context, client.Client, logr.Logger, string, listers.SecretLister, *corev1.PodSpec,
) error {
	return errNotLinked
}

func (awsSecrets) Read(context.Context, logr.Logger, string, string, string, string) (string, error) {
	return "", errNotLinked
}

func (awsSecrets) Stop() {}

type hashicorp struct{}

func NewHashicorpVaultHandler(*v1alpha1.HashiCorpVault, *authentication.AuthClientSet, string) hashicorp {
	return hashicorp{}
}

func (hashicorp) Initialize(logr.Logger) error {
	return errNotLinked
}

func (hashicorp) ResolveSecrets([]v1alpha1.VaultSecret) ([]v1alpha1.VaultSecret, error) {
	return nil, errNotLinked
}

func (hashicorp) Stop() {}

// vaultAddressesEqual says of no address that a vault may be there.
func vaultAddressesEqual(string, string) bool {
	return false
}

// DefaultVaultKubernetesAuthTokenFile is the default of a setting that nothing here reads.
const DefaultVaultKubernetesAuthTokenFile = ""
