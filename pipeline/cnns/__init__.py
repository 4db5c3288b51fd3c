"""Networks for pictures in PyTorch: (N, channels, size, size) float -> logits (N, classes).

Reading order: `perceptrons` (no convolutions), `small` (two and three convolutions), `lenet` and
`alexnet` (the classics), `vgg` (deeper), `resnets` (identity shortcuts), `wide` (wider, not
deeper), `bottlenecks` (ResNet-29 and ResNet-50), `mobilenet` (depthwise convolutions), `ready`
(those of torchvision), `initialization` (where all of them start), `registry` (a name -> one of
them).
"""
