//! Services by name: values that factories create.
