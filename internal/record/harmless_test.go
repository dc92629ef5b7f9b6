package record

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/nats-balance/nats-balance/internal/words"
)

// fill has every text in a value be one.
func fill(v reflect.Value, text string) {
	switch v.Kind() { //nolint:exhaustive // what documents are made of
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text)
			}
		}
	}
}

// No text of a document, whichever, brings to a terminal what it would obey, nor a
// password. The document itself stays as it came.
func TestHarmlessDocument(t *testing.T) {
	t.Parallel()
	const hostile = "A\u009b31m\x7f\u202e\u2028\U000e0041\xff nats://u:hunter2@h"
	var d Document
	fill(reflect.ValueOf(&d).Elem(), hostile)
	before, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(d.Harmless())
	if err != nil || !words.IsPrintable(string(data)) || strings.Contains(string(data), "hunter2") {
		t.Errorf("%q, %v", data, err)
	}
	if n, want := strings.Count(string(data), `\\u009b31m`), strings.Count(string(before), "31m"); n != want {
		t.Errorf("%d of %d texts are there: %s", n, want, data)
	}
	if after, err := json.Marshal(d); err != nil || string(after) != string(before) {
		t.Errorf("it was changed: %s", after)
	}
	if data, err := json.Marshal(Document{Moves: []DocumentMove{}}.Harmless()); err != nil || !strings.Contains(string(data), `"account":null`) || !strings.Contains(string(data), `"moves":[]`) {
		t.Errorf("%s, %v", data, err)
	}
}
