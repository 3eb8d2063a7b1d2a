"""The product on one machine: embedded servers, the processes of `make up`, the demo and the test runner."""
