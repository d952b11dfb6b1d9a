package plugins_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	hookv1 "moonwire/plugins/api/v1"
)

var rewrite = flag.Bool("rewrite", false, "write the copies of the protocol anew")

// TestProtocol: the packages ship the protocol as the broker has it, Node's as the
// file and Python's compiled.
func TestProtocol(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../plugins/api/v1/hook.proto")
	if err != nil {
		t.Fatal(err)
	}
	want := protodesc.ToFileDescriptorProto(hookv1.File_hook_proto)
	want.Options = nil // they are for the broker's own code
	compiled, err := proto.MarshalOptions{Deterministic: true}.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want []byte
		same func(a, b []byte) bool
	}{
		{"node/sdk/proto/hook.proto", source, bytes.Equal},
		{"python/moonwire_hook/hook.binpb", compiled, sameDescriptor},
	} {
		if *rewrite {
			if err := os.WriteFile(c.path, c.want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if !c.same(got, c.want) {
			t.Errorf("%s is not as plugins/api/v1/hook.proto: go test ./examples/plugins -rewrite", c.path)
		}
	}
}

// sameDescriptor reports whether a and b are the same descriptor, however encoded.
func sameDescriptor(a, b []byte) bool {
	x, y := new(descriptorpb.FileDescriptorProto), new(descriptorpb.FileDescriptorProto)
	return proto.Unmarshal(a, x) == nil && proto.Unmarshal(b, y) == nil && proto.Equal(x, y)
}
